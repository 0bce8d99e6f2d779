"""Authority: operators with secrets, their logins, and the acts that they sign."""
