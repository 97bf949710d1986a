"""Human studies: a static page that anyone can open, answers as files, and what the answers say."""
