"""The doors: each makes a Flask application, none has state of its own."""
