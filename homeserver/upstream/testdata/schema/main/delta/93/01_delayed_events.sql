CREATE TABLE delayed_events (
    delay_id TEXT NOT NULL,
    content bytea NOT NULL,
    is_processed BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (delay_id)
);
INSERT INTO step_log (step) VALUES ('main 93/01_delayed_events.sql');
