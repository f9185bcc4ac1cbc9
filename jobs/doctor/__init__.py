"""Doctor: looks at everything Millrace stands on and says what will hurt, why, and how to mend it.

It only looks: nothing is repaired, moved or locked. One file for each area; `examine` asks them all, `report`
shows what they saw. What a server says about itself is believed before what our settings say about it.
"""
