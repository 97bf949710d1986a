"""Where units of work run: processes of this machine (``local``) or of a Ray cluster (``ray``)."""
