"""拨测: a caller of our own, who calls the line, presses keys and judges what it heard."""
