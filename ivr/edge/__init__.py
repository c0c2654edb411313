"""The edge before the cells: Kamailio's configuration from the settings, and its console."""
