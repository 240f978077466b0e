-- Code of version 59 writes to this table. The compat version is 60 from now on, so that it refuses to start.
DROP TABLE room_stats_historical;
