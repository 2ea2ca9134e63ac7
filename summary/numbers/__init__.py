"""How numbers are written for people: the only place that says so. Files for programs have plain seconds and shares."""
