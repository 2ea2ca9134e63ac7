"""What people see of a run and choose for it: the menus, the live line and the web UI."""
