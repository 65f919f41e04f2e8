"""What flows between the rooms: tables, protocols, results, units, resources."""
