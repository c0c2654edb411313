"""The console: pages where the people of the centre work; callers never notice whether it is up."""
