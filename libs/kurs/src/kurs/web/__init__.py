"""What answers requests: the app, its layers and routes, the server, heartbeats."""
