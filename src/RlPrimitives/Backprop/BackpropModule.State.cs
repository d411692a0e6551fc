using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

public sealed partial class BackpropModule
{
    private const string OptimizerFile = "optimizer.safetensors", ValueFile = "value.safetensors", ValueOptimizerFile = "value_optimizer.safetensors",
        ReferenceFile = "reference.safetensors";

    /// <summary>Writes everything that the next update depends on: model, optimizer, value model, reference. Another module that loads it goes on bit for bit.</summary>
    /// <param name="folder">Where to; made if absent.</param>
    /// <returns>What is to be kept beside the files.</returns>
    public Task<BackpropState> SaveAsync(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        CheckModel();
        return Model.Executor.RunAsync(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            Directory.CreateDirectory(folder);
            Model.SaveExact(folder);
            Write(OptimizerFile, optimizer.StateTensors());
            if (valueModel is not null)
            {
                Write(ValueFile, valueModel.Parameters.Select(p => (p.Name, (Tensor)p.Parameter)));
                Write(ValueOptimizerFile, valueOptimizer!.StateTensors());
            }

            if (reference?.Weights is { } weights)
            {
                Write(ReferenceFile, weights.Select(p => (p.Name, (Tensor)p.Parameter)));
            }

            return new BackpropState(
                updates, optimizerSteps, adaptiveKl is null ? null : new KlState(adaptiveKl.Coefficient, adaptiveKl.Target, adaptiveKl.Horizon), reference?.Updates,
                Model.Version, Model.BaseFingerprint());
        });

        void Write(string name, IEnumerable<(string, Tensor)> tensors) => SafetensorsFile.Write(Path.Combine(folder, name), tensors);
    }

    /// <summary>Goes on where another module stood when it wrote <paramref name="folder"/>.</summary>
    /// <param name="folder">What <see cref="SaveAsync"/> wrote.</param>
    /// <param name="state">What it returned.</param>
    /// <exception cref="InvalidDataException">A file is missing, damaged or of another model; the module may then be changed in part.</exception>
    public Task LoadAsync(string folder, BackpropState state)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(state);
        CheckModel();
        if (state.BaseFingerprint != Model.BaseFingerprint())
        {
            throw new InvalidDataException(state.BaseFingerprint is null
                ? $"{folder} holds a whole model, but this one has LoRA adapters: remove them (RemoveLora) or resume a run with adapters."
                : $"{folder} holds LoRA adapters beside other weights than this model's: load the model that the run started from and add the same adapters.");
        }

        var model = state.ReferenceUpdates is null ? null : PrepareReference();
        return Model.Executor.RunAsync(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            Model.LoadExact(folder, state.WeightsVersion);
            LoadOptimizer(OptimizerFile, optimizer);
            if (valueModel is not null)
            {
                Copy(ValueFile, valueModel.Parameters);
                LoadOptimizer(ValueOptimizerFile, valueOptimizer!);
                valueModel.MarkChanged();
            }

            if (model?.Weights is { } weights)
            {
                Copy(ReferenceFile, weights);
            }

            model?.Restore(state.ReferenceUpdates!.Value);
            (updates, optimizerSteps) = (state.Updates, state.OptimizerSteps);
            adaptiveKl = state.AdaptiveKl is { } kl ? new AdaptiveKlCoefficient(kl.Coefficient, kl.Target, kl.Horizon) : null;
            return true;
        });

        SafetensorsFile Open(string name) => File.Exists(Path.Combine(folder, name)) ? SafetensorsFile.Open(Path.Combine(folder, name))
            : throw new InvalidDataException($"{folder} holds no {name}: it was written by a run without what this one has (a value model, a reference). Configure both alike.");

        void LoadOptimizer(string name, AdamW into)
        {
            using var file = Open(name);
            try
            {
                into.LoadState(file);
            }
            catch (ArgumentException e)
            {
                throw new InvalidDataException($"{Path.Combine(folder, name)}: {e.Message}", e);
            }
        }

        void Copy(string name, IReadOnlyList<(string Name, TorchSharp.Modules.Parameter Parameter)> into)
        {
            using var file = Open(name);
            foreach (var (key, parameter) in into)
            {
                if (!file.Entries.TryGetValue(key, out var entry) || !entry.Shape.SequenceEqual(parameter.shape))
                {
                    throw new InvalidDataException($"{Path.Combine(folder, name)}: there is no tensor '{key}' of shape [{string.Join(", ", parameter.shape)}].");
                }

                file.CopyTo(key, parameter);
            }
        }
    }
}
