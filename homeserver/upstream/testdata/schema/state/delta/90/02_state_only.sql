INSERT INTO step_log (step) VALUES ('state 90/02_state_only.sql');
