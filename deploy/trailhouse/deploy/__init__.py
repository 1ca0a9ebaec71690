"""The `trailhouse` command and the local stack: real Kafka and the real ClickHouse engine, without Docker.

Nothing is imported here, so that `trailhouse --help` answers at once; take what you need from its module:
`trailhouse.deploy.kafka.LocalKafka`, `trailhouse.deploy.clickhouse.LocalClickHouse`, `trailhouse.deploy.stack.find_stack`.
"""
