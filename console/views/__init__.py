"""What people read: tables, sentences and charts, made from rows."""
