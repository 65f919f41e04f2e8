"""What the importers of AMD's profilers share: actors, rows of device work, names, devices."""
