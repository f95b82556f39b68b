//! Commands change what they say, record it, and refuse what they must.
