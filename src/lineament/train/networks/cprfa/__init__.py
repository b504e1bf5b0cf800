"""CPRFA's networks: codes over the crop, matrices of point sets, and the updates that they give."""
