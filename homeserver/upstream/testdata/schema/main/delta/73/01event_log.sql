CREATE TABLE event_failures (room_id TEXT NOT NULL, event_id TEXT NOT NULL, cause TEXT NOT NULL DEFAULT 'none; yet', UNIQUE (room_id, event_id));
INSERT INTO step_log (step) VALUES ('main 73/01event_log.sql');
