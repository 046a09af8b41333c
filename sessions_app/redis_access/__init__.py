"""Redis: key names, clients, locks and bounded replies."""
