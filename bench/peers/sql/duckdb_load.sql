INSERT INTO ml_model_predictions
SELECT * FROM read_json('{file}', format = 'newline_delimited', columns = {
    timestamp: 'TIMESTAMP',
    model_id: 'VARCHAR',
    prediction_id: 'VARCHAR',
    features: 'VARCHAR',
    predicted_value: 'DOUBLE',
    actual_value: 'DOUBLE',
    model_version: 'VARCHAR',
    environment: 'VARCHAR'
})
