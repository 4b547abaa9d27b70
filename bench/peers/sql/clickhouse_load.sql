INSERT INTO ml_model_predictions
SELECT * FROM file('{file}', JSONEachRow)
SETTINGS max_insert_threads = 2, date_time_input_format = '{time_format}'
