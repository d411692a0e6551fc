using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using RlNotebooks.Data;
using RlPrimitives.Algorithms;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlNotebooks.Commands;

/// <summary><c>make-data</c>: remakes the shipped prompts and models from their seeds.</summary>
internal static class MakeDataCommand
{
    private static readonly string[] Names = ["tiny-walks", "tiny-cautious", "tiny-tools", "tiny-calc"];

    public static Command Create()
    {
        var output = new Option<string>("--output", "-o") { Description = "Folder to write to.", DefaultValueFactory = _ => "data" };
        var steps = new Option<int>("--steps") { Description = "Training steps of tiny-calc.", DefaultValueFactory = _ => 2000 };
        var only = new Option<string?>("--only") { Description = $"One of {string.Join(", ", Names)}; tiny-calc and tiny-tools with their prompts." };
        only.AcceptOnlyFromAmong(Names);
        var command = new Command("make-data", "Remakes data/prompts and data/models from their seeds (minutes on two cores).") { output, steps, only };
        command.SetAction(async (parsed, cancellation) =>
        {
            var (folder, wanted) = (Path.GetFullPath(parsed.GetValue(output)!), parsed.GetValue(only));
            foreach (var name in Names.Where(n => wanted is null || wanted == n))
            {
                await (name switch
                {
                    "tiny-walks" => MakeTinyWalksAsync(folder, cancellation),
                    "tiny-cautious" => MakeTinyCautiousAsync(folder, cancellation),
                    "tiny-tools" => MakeTinyToolsAsync(folder, cancellation),
                    _ => MakeTinyCalcAsync(folder, parsed.GetValue(steps), cancellation),
                });
            }

            return 0;
        });
        return command;
    }

    private static async Task MakeTinyWalksAsync(string folder, CancellationToken cancellation)
    {
        var model = Path.Combine(folder, "models", "tiny-walks");
        using (var trained = await TinyWalks.TrainAsync(TinyWalks.Steps, cancellation))
        {
            trained.Save(model);
        }

        using var saved = await InferenceModule.FromPretrainedAsync(model, cancellationToken: cancellation);
        var graph = TinyWalks.Graph();
        var environment = new SimpleTextEnvironment(saved, graph.Problems, sampling: new SamplingOptions { MaxNewTokens = graph.MaxLength - 1 });
        var collected = await new RolloutManager(environment, new RolloutConfig { GroupSize = 50 }).CollectAsync(50 * graph.Problems.Count, cancellationToken: cancellation);
        var scored = await new RewardComputer((new PathOptimality(graph), 1)).ComputeRewardsAsync(collected.Trajectories, cancellationToken: cancellation);
        Console.WriteLine($"mean optimality of {scored.Totals.Length} walks {scored.Totals.Average():F3}; {saved.Model.ParameterCount:N0} parameters in {model}");
    }

    private static async Task MakeTinyCautiousAsync(string folder, CancellationToken cancellation)
    {
        var model = Path.Combine(folder, "models", "tiny-cautious");
        using (var trained = await TinyCautious.TrainAsync(TinyCautious.Steps, cancellation))
        {
            trained.Save(model);
        }

        using var saved = await InferenceModule.FromPretrainedAsync(model, cancellationToken: cancellation);
        var environment = new SimpleTextEnvironment(saved, TinyCautious.Problems(), sampling: new SamplingOptions { MaxNewTokens = 8 });
        var collected = await new RolloutManager(environment, new RolloutConfig { GroupSize = 20 }).CollectAsync(20 * TinyCautious.Problems().Count, cancellationToken: cancellation);
        var scored = await new RewardComputer((new NumericMatch(), 1)).ComputeRewardsAsync(collected.Trajectories, cancellationToken: cancellation);
        var marks = string.Join(", ", collected.Trajectories.CountBy(t => t.Response.Count(c => c == '?')).OrderBy(g => g.Key).Select(g => $"{g.Key}: {g.Value}"));
        Console.WriteLine($"right {scored.Totals.Average():F3} of {scored.Totals.Length}; answers by marks {marks}; {saved.Model.ParameterCount:N0} parameters in {model}");
    }

    private static async Task MakeTinyToolsAsync(string folder, CancellationToken cancellation)
    {
        Write(Path.Combine(folder, "prompts", "sums-and-products.jsonl"), TinyTools.Problems(399, seed: 1));
        var model = Path.Combine(folder, "models", "tiny-tools");
        using (var trained = await TinyTools.TrainAsync(TinyTools.Steps, cancellation))
        {
            trained.Save(model);
        }

        using var saved = await InferenceModule.FromPretrainedAsync(model, cancellationToken: cancellation);
        var problems = TinyTools.Problems(900, seed: 2);
        var environment = new SvrlEnvironment(
            new SimpleTextEnvironment(saved, problems, sampling: new SamplingOptions { MaxNewTokens = 16 }), [Calculator.Tool()], new SvrlOptions { Budget = 2 });
        var collected = await new RolloutManager(environment, new RolloutConfig()).CollectAsync(problems, cancellationToken: cancellation);
        foreach (var kind in collected.Trajectories.GroupBy(t => t.Problem.Fields["kind"]))
        {
            Console.WriteLine($"{kind.Key}: {kind.Average(t => t.Turns.Sum(turn => turn.ToolCalls.Length)):F2} calls a problem, right {kind.Average(t => t.Response.Trim() == t.Problem.Answer ? 1.0 : 0):F3}");
        }

        Console.WriteLine($"{saved.Model.ParameterCount:N0} parameters in {model}");
    }

    private static async Task MakeTinyCalcAsync(string folder, int steps, CancellationToken cancellation)
    {
        var (heldOut, training) = TinyCalc.Problems();
        Write(Path.Combine(folder, "prompts", "addition.jsonl"), training);
        Write(Path.Combine(folder, "prompts", "addition-held-out.jsonl"), heldOut);

        var clock = Stopwatch.StartNew();
        using var inference = await TinyCalc.TrainAsync(steps, new EveryHundredth(clock), cancellation);
        var model = Path.Combine(folder, "models", "tiny-calc");
        inference.Save(model);

        // Measured on what was saved: the weights are rounded to bf16 on disk.
        using var saved = await InferenceModule.FromPretrainedAsync(model, cancellationToken: cancellation);
        var environment = new SimpleTextEnvironment(saved, heldOut, sampling: new SamplingOptions { MaxNewTokens = 8 });
        var correct = RewardComputer.From(t => t.Response == t.Problem.Answer ? 1f : 0f, "correct");
        Console.WriteLine($"held-out, greedy:  {await Evaluation.AccuracyAsync(environment, heldOut, correct, cancellationToken: cancellation)}");
        Console.WriteLine($"held-out, sampled: {await Evaluation.AccuracyAsync(environment, heldOut, correct, environment.Sampling, cancellationToken: cancellation)}");
        Console.WriteLine($"{saved.Model.ParameterCount:N0} parameters in {model}, {clock.Elapsed.TotalMinutes:F1} minutes");
    }

    private static void Write(string path, IReadOnlyList<Problem> problems)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var text = new StringBuilder();
        foreach (var problem in problems)
        {
            var line = new Dictionary<string, string> { ["id"] = problem.Id, ["prompt"] = problem.Prompt, ["answer"] = problem.Answer };
            if (problem.Fields.TryGetValue("kind", out var kind))
            {
                line["kind"] = kind;
            }

            text.Append(JsonSerializer.Serialize(line, Plain)).Append('\n');
        }

        File.WriteAllText(path, text.ToString());
    }

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private sealed class EveryHundredth(Stopwatch clock) : IProgress<SupervisedStep>
    {
        public void Report(SupervisedStep value)
        {
            if (value.Step % 100 == 0)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {value.Step}/{value.Steps}  loss {value.Loss:F3}  {clock.Elapsed.TotalSeconds:F0} s"));
            }
        }
    }
}
