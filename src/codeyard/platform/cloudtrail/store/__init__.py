"""All SQL of CloudTrail: looking records up, trails, what they deliver, and the keys that digests are signed with."""
