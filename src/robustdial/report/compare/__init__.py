"""The page of several methods side by side: what each reached, what it cost, and which of them no other one beats."""
