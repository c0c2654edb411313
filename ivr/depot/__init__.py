"""Files that all machines of a line find: in a mounted folder, or in a bucket of S3."""
