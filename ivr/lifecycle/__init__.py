"""What makes the service a good process: health, vitals, watchdog, hand-over, the line's switch."""
