"""The editor's page: the whole catalog to read, to hear, and to see what waits for somebody."""
