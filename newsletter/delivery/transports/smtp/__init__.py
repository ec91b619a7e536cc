"""The SMTP client: a pool of connections, the dialogue on each, one socket, and the settings."""
