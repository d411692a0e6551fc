using Benchmarks;
using static TorchSharp.torch;

if (args is ["evidence", ..])
{
    await Benchmarks.Evidence.Evidence.RunAsync(args[1..]);
    return;
}

if (args is ["soak", ..])
{
    await Soak.RunAsync(args[1..]);
    return;
}

var options = Options.Parse(args);
set_num_threads(options.Threads);
var work = Directory.CreateDirectory(Path.Combine(Environment.CurrentDirectory, "artifacts", $"benchmark-{Environment.ProcessId}")).FullName;
try
{
    using var peer = options.Peer is null ? null : new Peer(options.Peer, options.Threads, work);
    var report = new Report(options, peer);
    report.Ceiling("linear 2048×384×1536", 2048, 384, 1536);
    report.Ceiling("linear 16×384×1536", 16, 384, 1536);
    foreach (var family in Workload.Families.Where(f => f.Name.Contains(options.Only, StringComparison.OrdinalIgnoreCase) || options.Only.Length == 0))
    {
        using var contest = new Contest(family, Path.Combine(work, family.Name), peer, options.Rounds);
        contest.CheckSameWork();
        foreach (var workload in Workload.Generations.Where(w => w.Name.Contains(options.Case, StringComparison.OrdinalIgnoreCase)))
        {
            report.Add(family.Name, workload.Name, contest.Generate(workload));
        }

        foreach (var batch in TrainingBatch.All.Where(b => b.Name.Contains(options.Case, StringComparison.OrdinalIgnoreCase)))
        {
            report.Add(family.Name, batch.Name, contest.Train(batch));
        }
    }

    report.Save();
}
finally
{
    Directory.Delete(work, recursive: true);
}
