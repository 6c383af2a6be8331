-- Orthanc sends each study to radscribe when nothing was added to it for StableAge seconds.
function OnStableStudy(studyId, tags, metadata)
  RestApiPost('/modalities/radscribe/store',
              DumpJson({Resources = {studyId}, Synchronous = false}, true))
end
