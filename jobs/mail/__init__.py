"""What is remembered about mail: who must not get any more, how they say so, and what came back."""
