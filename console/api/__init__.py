"""The REST interface `/api/v1`: a door for programs, beside the browser console in one process."""
