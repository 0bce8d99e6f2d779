"""Working parents over time: the steps of algorithms, the throttle and precedence."""
