"""`manage.py back_up`, `restore` and `migrate`."""
