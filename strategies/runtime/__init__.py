"""The machine that counting runs on: cores, threads, processes, the garbage collector."""
