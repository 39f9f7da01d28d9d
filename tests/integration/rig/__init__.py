"""What the integration tests stand on: a private bus, real users, polkitd, the daemon, machines."""
