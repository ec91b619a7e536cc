"""The SMTP client: pool of connections, dialogue per message, handshake and auth per connection, line, settings."""
