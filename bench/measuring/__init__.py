"""What the strategies cost: fresh processes, rounds side by side, memory, and the machine."""
