"""The texts that people read: tables, sentences and charts, made from rows."""
