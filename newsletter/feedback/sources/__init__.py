"""Where feedback comes from: emails that come back, in a Maildir or one by one, and what they hold."""
