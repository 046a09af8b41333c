"""Live updates of open pages over WebSockets."""
