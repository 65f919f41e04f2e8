"""Where the rooms meet: carries data from importers to reports."""
