"""What the strategies cost: fresh processes, side by side rounds, memory, and the machine."""
