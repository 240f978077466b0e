INSERT INTO background_updates (ordering, update_name, progress_json) VALUES (9402, 'redactions_recheck', '{}');
INSERT INTO step_log (step) VALUES ('main 94/01_redactions.sql');
