"""The rules that span settings: each a named function over the whole stack, in a module by section.

A rule yields problems; it never raises, so that everything wrong is told at once. ``tests/settings/bad`` holds a stack file that breaks
each of them.
"""

from __future__ import annotations

from typing import Final

from components.settings.rules.access import github_team_names_its_organization, someone_can_log_in
from components.settings.rules.authority_files import authority_files_are_in_the_container
from components.settings.rules.backup import backup_has_one_claim, backup_settings_have_backups, backups_lie_apart_from_what_they_save
from components.settings.rules.claims import claims_hold_what_lives_in_them
from components.settings.rules.cluster import namespace_is_the_stacks_own, requests_fit_into_limits
from components.settings.rules.credentials import (
    cache_counter_needs_a_cache_of_this_stack,
    counters_move_secrets_of_this_stack,
    database_counters_need_a_database_in_the_cluster,
    own_password_follows_from_2_3_on,
)
from components.settings.rules.database import (
    database_is_none_of_the_servers_own,
    database_users_differ,
    existing_passwords_need_a_database_in_the_cluster,
    old_generation_uses_port_3306,
)
from components.settings.rules.exposure import (
    https_is_not_on_port_80,
    https_is_not_on_the_registrys_debug_port,
    ingress_passes_tls_where_it_can,
    request_timeout_needs_requests,
    two_address_families_need_a_dual_stack,
    unknown_controller_is_told,
)
from components.settings.rules.features import enabled_feature_is_complete, settings_have_their_feature_switched
from components.settings.rules.first_set_up import (
    bootstrap_address_needs_the_first_set_up,
    bootstrap_can_be_done,
)
from components.settings.rules.foundations import Rule, foundations, is_voiding
from components.settings.rules.hosts import (
    host_is_not_the_upstream_placeholder,
    node_ports_differ,
)
from components.settings.rules.image_references import images_run_the_program_of_their_setting, portus_image_is_of_its_version
from components.settings.rules.images import (
    clair_settings_need_its_server,
    collection_by_age_is_accepted,
    collector_pauses_while_the_registry_is_read_only,
    contributors_delete_only_where_deletion_is_on,
    contributors_delete_only_where_portus_survives_it,
    deletion_needs_the_registrys_consent,
)
from components.settings.rules.ldap import (
    first_administrator_is_in_the_directory,
    ldap_closes_sign_up,
    ldap_encryption_options_need_a_method,
    ldap_port_fits_its_encryption,
)
from components.settings.rules.mail import (
    mail_has_a_sender_of_its_own,
    smtp_account_is_whole,
    smtp_authorities_are_used,
    smtp_encrypts_one_way,
    smtp_port_fits_its_encryption,
    smtp_verification_has_authorities,
)
from components.settings.rules.network import (
    an_ip_block_stands_alone,
    exceptions_lie_within_their_network,
    network_settings_have_policies,
    networks_belong_to_a_destination,
    port_ranges_ascend,
    production_denies_by_default,
)
from components.settings.rules.observability import monitoring_details_have_their_object
from components.settings.rules.production import (
    production_has_a_trusted_certificate,
    production_has_backups,
    production_is_protected,
    production_pins_its_images,
    production_sends_no_password_in_clear,
    production_shares_no_secret,
)
from components.settings.rules.proxies import (
    a_proxy_is_named_beside_its_exceptions,
    proxied_workloads_reach_the_stack_without_it,
    proxy_variables_are_written_once,
)
from components.settings.rules.registry import (
    catalog_holds_a_page,
    extra_config_is_the_registrys_and_free,
    headers_hold_no_secret,
    notification_endpoints_have_names_of_their_own,
    redis_options_need_redis,
    redis_user_has_a_password,
    registry_image_is_of_its_version,
    registry_version_knows_each_setting,
)
from components.settings.rules.registry_storage import (
    azure_credentials_are_whole,
    production_verifies_its_storage,
    replicas_share_their_storage,
    s3_keys_are_whole,
    s3_region_is_known,
    s3_says_what_its_driver_does,
    s3_storage_class_is_known,
    storage_has_one_claim,
    storage_is_opened_by_somebody,
)
from components.settings.rules.scaling import (
    an_autoscaler_has_room,
    every_thread_has_a_database_connection,
    one_decides_the_number_of_copies,
)
from components.settings.rules.sizes import (
    limits_hold_what_a_workload_needs,
    production_reserves_what_a_workload_needs,
    requests_fit_into_default_limits,
)
from components.settings.rules.tasks import deleting_synchronisation_is_accepted, pushes_are_recorded
from components.settings.rules.texts import apache_writes_its_secrets_itself, secrets_are_single_lines, texts_survive_the_environment
from components.settings.rules.tls import (
    authorities_are_certificates,
    authorities_of_redis_are_in_use,
    cert_manager_signs_separately,
    provided_certificate_serves_the_stack,
    renewal_lies_within_validity,
    separate_signing_key_needs_puma,
    signers_are_rsa_leaves,
    signing_counter_moves_a_key_of_this_stack,
    signing_generations_ascend,
)
from components.settings.rules.versions import (
    old_generation_names_its_image,
    puma_settings_need_puma,
    version_knows_each_setting,
)
from components.settings.rules.workloads import (
    extra_labels_are_free,
    extra_mounts_hide_nothing,
    extra_variables_are_free,
    extra_variables_have_one_value,
    extra_volumes_are_whole,
    selectors_have_values,
    service_accounts_are_named_or_made,
    the_registrys_account_is_named_or_made,
    tolerations_are_whole,
    workloads_exist,
)

__all__ = ["RULES", "Rule", "foundations", "is_voiding"]

RULES: Final[tuple[Rule, ...]] = (
    host_is_not_the_upstream_placeholder,
    namespace_is_the_stacks_own,
    requests_fit_into_limits,
    requests_fit_into_default_limits,
    limits_hold_what_a_workload_needs,
    claims_hold_what_lives_in_them,
    images_run_the_program_of_their_setting,
    portus_image_is_of_its_version,
    version_knows_each_setting,
    puma_settings_need_puma,
    old_generation_names_its_image,
    old_generation_uses_port_3306,
    database_users_differ,
    database_is_none_of_the_servers_own,
    existing_passwords_need_a_database_in_the_cluster,
    counters_move_secrets_of_this_stack,
    database_counters_need_a_database_in_the_cluster,
    cache_counter_needs_a_cache_of_this_stack,
    own_password_follows_from_2_3_on,
    bootstrap_can_be_done,
    bootstrap_address_needs_the_first_set_up,
    enabled_feature_is_complete,
    settings_have_their_feature_switched,
    texts_survive_the_environment,
    secrets_are_single_lines,
    apache_writes_its_secrets_itself,
    mail_has_a_sender_of_its_own,
    smtp_account_is_whole,
    smtp_encrypts_one_way,
    smtp_port_fits_its_encryption,
    smtp_authorities_are_used,
    smtp_verification_has_authorities,
    ldap_port_fits_its_encryption,
    ldap_encryption_options_need_a_method,
    ldap_closes_sign_up,
    authority_files_are_in_the_container,
    first_administrator_is_in_the_directory,
    someone_can_log_in,
    github_team_names_its_organization,
    deletion_needs_the_registrys_consent,
    contributors_delete_only_where_deletion_is_on,
    contributors_delete_only_where_portus_survives_it,
    collection_by_age_is_accepted,
    collector_pauses_while_the_registry_is_read_only,
    clair_settings_need_its_server,
    deleting_synchronisation_is_accepted,
    pushes_are_recorded,
    catalog_holds_a_page,
    registry_version_knows_each_setting,
    registry_image_is_of_its_version,
    replicas_share_their_storage,
    storage_has_one_claim,
    storage_is_opened_by_somebody,
    s3_keys_are_whole,
    s3_region_is_known,
    s3_says_what_its_driver_does,
    s3_storage_class_is_known,
    azure_credentials_are_whole,
    redis_options_need_redis,
    redis_user_has_a_password,
    notification_endpoints_have_names_of_their_own,
    headers_hold_no_secret,
    extra_config_is_the_registrys_and_free,
    node_ports_differ,
    one_decides_the_number_of_copies,
    an_autoscaler_has_room,
    every_thread_has_a_database_connection,
    network_settings_have_policies,
    networks_belong_to_a_destination,
    port_ranges_ascend,
    an_ip_block_stands_alone,
    exceptions_lie_within_their_network,
    monitoring_details_have_their_object,
    selectors_have_values,
    workloads_exist,
    extra_variables_are_free,
    extra_variables_have_one_value,
    proxy_variables_are_written_once,
    proxied_workloads_reach_the_stack_without_it,
    a_proxy_is_named_beside_its_exceptions,
    extra_volumes_are_whole,
    extra_mounts_hide_nothing,
    extra_labels_are_free,
    tolerations_are_whole,
    service_accounts_are_named_or_made,
    the_registrys_account_is_named_or_made,
    renewal_lies_within_validity,
    provided_certificate_serves_the_stack,
    authorities_are_certificates,
    authorities_of_redis_are_in_use,
    signers_are_rsa_leaves,
    signing_generations_ascend,
    signing_counter_moves_a_key_of_this_stack,
    separate_signing_key_needs_puma,
    cert_manager_signs_separately,
    https_is_not_on_port_80,
    https_is_not_on_the_registrys_debug_port,
    two_address_families_need_a_dual_stack,
    ingress_passes_tls_where_it_can,
    unknown_controller_is_told,
    request_timeout_needs_requests,
    backup_settings_have_backups,
    backup_has_one_claim,
    backups_lie_apart_from_what_they_save,
    production_is_protected,
    production_has_backups,
    production_reserves_what_a_workload_needs,
    production_has_a_trusted_certificate,
    production_pins_its_images,
    production_sends_no_password_in_clear,
    production_shares_no_secret,
    production_denies_by_default,
    production_verifies_its_storage,
)
