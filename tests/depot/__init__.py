"""A folder and a bucket as depots."""
