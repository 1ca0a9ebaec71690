"""`trailhouse doctor`: what is set up wrong, and what to do about it. It reads, and changes nothing."""
