"""Who may do what: operators with secrets, their logins, and acts that they sign."""
