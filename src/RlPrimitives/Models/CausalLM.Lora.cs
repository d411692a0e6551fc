using RlPrimitives.Models.Architectures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

// Low-rank adapters (Hu et al. 2021, arXiv:2106.09685). None of these may run while the model computes elsewhere.
public sealed partial class CausalLM
{
    private LoraAdapters? adapters;

    /// <summary>The adapters' shape; null where the model has none.</summary>
    public LoraConfig? Lora => adapters?.Config;

    /// <summary>What training changes: the adapters' A [r, in] and B [out, r] where there are any (float32), else <see cref="Parameters"/>.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> TrainableParameters => adapters?.Parameters ?? Parameters;

    /// <summary>
    /// Puts a fresh adapter beside linear layers: A uniform within ±1/√in (PEFT's), B = 0, so that nothing changes before training. All
    /// <see cref="Parameters"/> stop requiring gradients, <see cref="TrainableParameters"/> require them.
    /// </summary>
    /// <param name="config">Rank, α and layers; null for PEFT's defaults on every linear layer but the head.</param>
    /// <param name="seed">Seed of A.</param>
    /// <exception cref="ArgumentException">A target names no linear layer; the message lists those there are.</exception>
    /// <exception cref="InvalidOperationException">The model has adapters already.</exception>
    public void AddLora(LoraConfig? config = null, long seed = 0) => Attach(config ?? new LoraConfig(), a => a.Initialize(seed));

    /// <summary>Runs <paramref name="body"/> with the adapters switched off, on the calling thread only: the model they were put beside, as a reference for free.</summary>
    /// <param name="body">Synchronous tensor work; call it where the model computes (<see cref="Executor"/>).</param>
    /// <exception cref="ArgumentException"><paramref name="body"/> is asynchronous, and could go on with the adapters switched on.</exception>
    public T RunWithoutLora<T>(Func<T> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (typeof(Task).IsAssignableFrom(typeof(T)) || typeof(T) == typeof(ValueTask) || (typeof(T).IsGenericType && typeof(T).GetGenericTypeDefinition() == typeof(ValueTask<>)))
        {
            throw new ArgumentException($"The body gives a {typeof(T).Name}: what it does after an await would see the adapters again. Await outside.", nameof(body));
        }

        return adapters is null ? body() : adapters.RunOff(body);
    }

    /// <summary>Adds s·B·A to the weights and removes the adapters; the model's results stay, up to rounding to its <see cref="Type"/>, and all its weights train again.</summary>
    /// <exception cref="InvalidOperationException">The model has no adapters.</exception>
    public void MergeLora() => Detach(found =>
    {
        foreach (var (_, layer) in found.Layers)
        {
            var (weight, _) = layer.Own();
            using var merged = layer.Update!.Merge(weight, layer.IsTransposed);
            weight.copy_(merged);
        }
    });

    /// <summary>Removes the adapters; the model is again what it was before <see cref="AddLora"/>, and all its weights train again.</summary>
    /// <exception cref="InvalidOperationException">The model has no adapters.</exception>
    public void RemoveLora() => Detach(_ => { });

    /// <summary>Writes the adapters alone in PEFT's layout: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c> (float32).</summary>
    /// <param name="folder">Where to; made if needed. Load it with <see cref="LoadLora"/>, or in Python with <c>PeftModel.from_pretrained(base, folder)</c>.</param>
    /// <exception cref="InvalidOperationException">The model has no adapters.</exception>
    public void SaveLora(string folder) => LoraFolder.Save(folder, Existing(), Config.Family);

    /// <summary>Puts the adapters of a PEFT folder beside this model, ready to run or to train on.</summary>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <exception cref="FileNotFoundException">One of the files is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the adapters are another model's; the message names file, tensor and expectation.</exception>
    /// <exception cref="NotSupportedException">The adapter is of another kind than plain LoRA; the message names the setting.</exception>
    /// <exception cref="InvalidOperationException">The model has adapters already.</exception>
    public void LoadLora(string folder)
    {
        RefuseSecond();
        using var stored = LoraFolder.Open(folder, model);
        Attach(stored.Config, stored.CopyTo);
    }

    private void Attach(LoraConfig config, Action<LoraAdapters> fill)
    {
        RefuseSecond();
        adapters = TensorThread.RunOnce(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var made = new LoraAdapters(model, config);
            try
            {
                fill(made);
                return made;
            }
            catch
            {
                made.Dispose();
                throw;
            }
        });
        RequireGradients(weights: false, adapted: true);
        MarkChanged();
    }

    private void Detach(Action<LoraAdapters> before)
    {
        var found = Existing();
        var trained = found.Parameters[0].Parameter.requires_grad; // not those of a frozen copy
        TensorThread.RunOnce(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            before(found);
            return true;
        });
        found.Dispose();
        adapters = null;
        RequireGradients(weights: trained, adapted: false);
        MarkChanged();
    }

    private void RequireGradients(bool weights, bool adapted)
    {
        foreach (var (_, parameter) in Parameters)
        {
            parameter.requires_grad_(weights);
        }

        foreach (var (_, parameter) in adapters?.Parameters ?? [])
        {
            parameter.requires_grad_(adapted);
        }
    }

    private void CopyLoraTo(CausalLM copy)
    {
        if (adapters is { } mine)
        {
            copy.Attach(mine.Config, theirs =>
            {
                foreach (var (from, to) in mine.Parameters.Zip(theirs.Parameters))
                {
                    to.Parameter.copy_(from.Parameter);
                }
            });
            copy.RequireGradients(weights: false, adapted: false);
        }
    }

    /// <summary>Every parameter under its name, with the adapters added in: what a reader of the checkpoint expects.</summary>
    private IEnumerable<(string Name, Tensor Tensor)> MergedParameters()
    {
        var adapted = adapters?.Layers.ToDictionary(l => $"{l.Name}.weight", l => l.Layer, StringComparer.Ordinal) ?? [];
        foreach (var (name, parameter) in Parameters)
        {
            yield return (name, adapted.TryGetValue(name, out var layer) ? layer.Update!.Merge(parameter, layer.IsTransposed) : parameter.detach());
        }
    }

    private LoraAdapters Existing() => adapters
        ?? throw new InvalidOperationException($"The model has no adapters; {nameof(AddLora)} or {nameof(LoadLora)} comes first.");

    private void RefuseSecond()
    {
        if (adapters is not null)
        {
            throw new InvalidOperationException($"The model has adapters already. {nameof(MergeLora)} or {nameof(RemoveLora)} comes first.");
        }
    }
}
