"""What counting takes from the machine: cores, threads, processes, the garbage collector."""
