"""How a process holds connections: what one may send, for how long, and how many there may be."""
