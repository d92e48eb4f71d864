"""old module -> new module (packages: all below follow)."""
M = {}
def put(new_pkg, old_pkg, names):
    for n in names.split():
        old, _, new = n.partition('=')
        M[f'{old_pkg}.{old}'] = f'{new_pkg}.{new or old}'
put('drift.system','drift','devices disk http_session person quiet secrets signals signing sqlite streams threads')
put('drift.charts','drift','palette figures')
put('drift.datasets','drift.sources','elec example cache fetch packages calendar images')
put('drift.datasets.images','drift','pixels')
# detect
put('drift.detect.two_sample','drift.detect','mmd energy classifier fourier=random_features gram bandwidths samples kernels')
put('drift.detect.permutation','drift.detect','permuted permuter schemes p_values')
put('drift.detect.columns','drift.detect','univariate column_tests tied_ks paired_columns=two_sample_columns')
M['drift.detect.profiles']='drift.detect.profiles'
M['drift.detect.profiles.aligned_counts']='drift.detect.profiles.aligned_counts'
M['drift.detect.profiles.comparison']='drift.detect.profiles.comparison'
M['drift.detect.profiles.column_reader']='drift.detect.profiles.column_reader'
M['drift.detect.label_free']='drift.detect.label_free'
put('drift.detect.label_free','drift.detect','density_ratio calibrated=calibration')
M['drift.detect.sequential.paired_test']='drift.detect.sequential.paired_test'
# compare
M['drift.compare.comparable_columns']='drift.compare.comparable_columns'
M['drift.compare.describe']='drift.compare.describe'
# loop
put('drift.loop.journal.journal','drift.loop','journal journal_tables=tables records trail=missing_lines lost_log interrupted outbox')
put('drift.loop.releases','drift.loop','promote succession served=loading trusted alias_watch outside=external_changes leftovers=unused_archives acceptance references cards=card model_names candidate base_tables')
put('drift.loop.retraining','drift.loop','retrain train=training tries=retries repeats=repeated_challengers latest=manual_retrain challenge consent=approval shadow shadow_ring=shadow_trials')
put('drift.loop.advice','drift.loop','after_change after_refusal last_lines=after_deployment later_rows outlook fall=accuracy_fall scored_falls forecasts threshold_advice resumption summary described=run_description')
M['drift.loop.project_dir']='drift.loop.project_dir'
# images
put('drift.images.detection','drift.images','watchers=image_detectors spaces side_by_side=detector_comparison failing_loudly')
put('drift.images.streams','drift.images','evolution ramps simulate')
put('drift.images.results','drift.images','pictures embeddings board=tensorboard logged telling=summaries')
M['drift.images.perturbations.opencv']='drift.images.perturbations.opencv'
M['drift.images.setup']='drift.images.setup'
# replay
put('drift.replay.evaluation','drift.replay','concept truth=known_drift estimates=label_proxies oracle thresholds=threshold_advice')
M['drift.replay.combiners']='drift.replay.combiners'
M['drift.replay.leakage']='drift.replay.leakage'
M['drift.replay.ensembles']='drift.replay.ensembles'
M['drift.replay.served_replay']='drift.replay.served_replay'
# serving
put('drift.serving.torchserve','drift.serving','address archive bring_up=loading client control direct handler keys service')
put('drift.serving.torchserve.process','drift.serving','guard=supervisor java record server settings revival=restarter')
M['drift.serving.python_client']='drift.serving.python_client'
# tracking
put('drift.tracking.connection','drift.tracking','store server=server_version databases sqlite_address read_only causes=failure_causes moved=moved_project')
put('drift.tracking.runs.open_runs','drift.tracking','run runs=open_runs autolog environment system_metrics parents project=project_run found=lookup')
put('drift.tracking.releases','drift.tracking','registry release locations lost_files=missing_files')
# monitor
put('drift.monitor.metrics','drift.monitor','outcomes=classification_counts residuals=regression_sums measures=metrics')
M['drift.monitor.analysis.slices']='drift.monitor.metrics.slices'
put('drift.monitor.drift.distances','drift.monitor','signals drift=distances')
put('drift.monitor.reference.reference','drift.monitor','reference limits effects=batch_variation')
M['drift.monitor.store.records']='drift.monitor.store.records'
M['drift.monitor.urls']='drift.monitor.store.urls'
put('drift.monitor.pipeline','drift.monitor','ingest gathering=batch_builder measuring=measure truths=labels')
put('drift.monitor.alerts','drift.monitor','watching=check rules histories=series delivering=delivery channels')
put('drift.monitor.analysis','drift.monitor.explain','error_slices losses=row_losses moved=correlated_signals neighbours=anomaly')
M['drift.monitor.analysis.annotations']='drift.monitor.analysis.annotations'
M['drift.monitor.prometheus']='drift.monitor.prometheus'
